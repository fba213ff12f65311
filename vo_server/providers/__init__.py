"""File providers: what a folder of simulations or orbits offers."""
