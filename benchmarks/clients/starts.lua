-- For wrk: each request starts a run, with an idempotency token of its own.
-- Arguments: the id of the job, the token of the workspace, a prefix that no other run of wrk has.
local job, number, prefix = nil, 0, nil

function init(args)
  job, prefix = args[1], args[3]
  wrk.method = "POST"
  wrk.headers["Content-Type"] = "application/json"
  wrk.headers["Authorization"] = "Bearer " .. args[2]
end

function request()
  number = number + 1
  local token = prefix .. "-" .. number
  return wrk.format(nil, nil, nil, '{"job_id": ' .. job .. ', "idempotency_token": "' .. token .. '"}')
end
