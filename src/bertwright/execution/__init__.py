"""Mapping work over pieces of data."""
