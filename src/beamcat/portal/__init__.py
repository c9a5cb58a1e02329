"""The web portal: pages for people."""
