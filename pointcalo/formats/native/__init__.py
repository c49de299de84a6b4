"""The native layout: what it is, read and written."""
