"""The planner's predictions beside what then happened, over public single tables."""
