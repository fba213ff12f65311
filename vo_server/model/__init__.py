"""Values that flow between the floors: frozen dataclasses with NumPy inside."""
