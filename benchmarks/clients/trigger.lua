-- For wrk: each request is a trigger.
wrk.method = "POST"
wrk.body = '{"params": {"day": "2013-01-01"}}'
wrk.headers["Content-Type"] = "application/json"
