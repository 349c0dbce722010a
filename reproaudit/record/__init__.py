"""What runs inside the audited process: a guest that observes, draws nothing, changes nothing and
leaves nothing."""
