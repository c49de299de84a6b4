"""Pictures of showers: side views and layers as an image, hits in space as a page."""
