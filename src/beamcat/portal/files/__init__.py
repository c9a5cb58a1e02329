"""The files of datasets: as folders, one by one with a preview, and small pictures of what is in them."""
