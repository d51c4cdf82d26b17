"""Decisions: policy, rules, champions, approval, rollback."""
