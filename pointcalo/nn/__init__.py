"""Building blocks of networks, none of which knows a detector."""
