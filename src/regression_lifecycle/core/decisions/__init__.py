"""Decisions: policy, rules, champions, rollback."""
