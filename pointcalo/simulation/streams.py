"""Which random numbers of a shower serve what: streams of `pointcalo.showers.noise.Noise`."""

# Counter: number of the sub-shower, of the pion system, or zero.
CONVERSION, PAIR, MAXIMUM, SHAPE = range(4)
START, NEUTRAL_SHARE, PHOTON_SHARE, LATER_DEPTH, KICK, KICK_ANGLE = range(4, 10)
# Counter: place of (part, layer, channel).
COUNT, HADRONIC = range(10, 12)
# Counter: number of the deposit in its shower.
RADIUS, ANGLE, SOFT, COSINE, LOSS, LEVER, SCATTER, STRAY, NEUTRON = range(20, 29)
# Counter: property of the incident particle.
PARTICLE = 63
