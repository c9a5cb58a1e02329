"""Search: documents made of the catalogue, two engines that hold them, and the questions both answer alike."""
