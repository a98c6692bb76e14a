"""Files as Spark finds and reads them."""
