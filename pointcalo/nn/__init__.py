"""Building blocks of networks: perceptrons, mixtures, standardisation, the incident particle as input."""
