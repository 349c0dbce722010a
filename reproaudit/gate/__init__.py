"""What a team has accepted, and what a gate lets pass."""
