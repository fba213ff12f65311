"""The demonstration: a sample node, a flight through it over SOAP, and a picture."""
