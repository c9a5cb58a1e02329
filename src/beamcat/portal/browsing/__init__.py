"""Ways into the data: the first page, what is mine, what is open, and the trees."""
