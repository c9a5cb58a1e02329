"""Random questions and random rules: PostgreSQL against a plain evaluation in Python."""
