"""Every change of the catalogue as an event: brought into an order, read by others, and kept as the audit trail."""
