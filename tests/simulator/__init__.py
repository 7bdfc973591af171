"""An upstream for tests, demo and benchmarks: GitHub, HashiCorp and a provider registry on loopback."""
