USE CATALOG IDENTIFIER(:catalog);
CREATE OR REPLACE TABLE gold.totals AS SELECT sum(amount) AS total FROM silver.orders;
SELECT total FROM gold.totals
