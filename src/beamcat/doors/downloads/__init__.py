"""Carts and download requests in the words of TopCAT and DataGateway (data service specification, C)."""
