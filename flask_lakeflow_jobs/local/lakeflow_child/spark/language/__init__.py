"""What code and Sail exchange: the text of SQL, plans of Spark Connect, and errors."""
