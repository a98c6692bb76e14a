-- Parameters are text, as on Databricks.
SELECT count(*) AS orders, sum(amount) AS total
FROM orders
WHERE amount >= CAST(:least AS INTEGER);
