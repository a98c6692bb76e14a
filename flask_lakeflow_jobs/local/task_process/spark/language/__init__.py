"""The languages between code and Sail: SQL, plans of Spark Connect, and errors."""
