"""Tables of showers, columns by name: ROOT trees and Parquet."""
