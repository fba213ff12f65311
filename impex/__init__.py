"""IMPEx: SOAP dialects of the simulation services, from one table each."""
