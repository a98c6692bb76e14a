CREATE OR REPLACE TABLE orders AS
SELECT * FROM read_csv(:volume || '/orders.csv', header = false, names = ['what', 'amount']);
