"""From expressions to programs: functions, compiled loops, and the two ways to run one meaning."""
