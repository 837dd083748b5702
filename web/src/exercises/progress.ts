/** Answers that a learner gave, kept in the browser where it allows that. */

const PREFIX = "pellucid.exercise.";
const MAX_ANSWERS = 200;

export function loadAnswers(name: string): string[] {
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(PREFIX + name) ?? "[]");
    return Array.isArray(stored) ? stored.filter((answer) => typeof answer === "string") : [];
  } catch {
    return []; // frames without an origin have no storage, and a damaged entry is no answer
  }
}

export function saveAnswers(name: string, answers: string[]): void {
  try {
    if (answers.length) localStorage.setItem(PREFIX + name, JSON.stringify(answers.slice(-MAX_ANSWERS)));
    else localStorage.removeItem(PREFIX + name);
  } catch {
    // The exercise works without storage.
  }
}
