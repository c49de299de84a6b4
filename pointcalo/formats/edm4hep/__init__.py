"""EDM4hep: hits of full simulations, in the frame of the whole detector."""
