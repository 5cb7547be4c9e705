"""A made-up registry for the demo and the tutorial. Every patient in it is invented."""

from matcher.demo.registry import SEED, build, write
from matcher.demo.stories import ANSWERED, BONE, STORIES, Story

__all__ = ["ANSWERED", "BONE", "SEED", "STORIES", "Story", "build", "write"]
