"""The command line, the only floor that sees a configuration."""
