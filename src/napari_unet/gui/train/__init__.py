"""The Train dock: paint, learn, compare, keep."""
