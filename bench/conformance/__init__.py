"""The contracts that every method keeps, and their checks on one method."""
