"""Descriptions of detectors in the formats of the field, one module each."""
