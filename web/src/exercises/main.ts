/** Entry of the bundle of exercises. */

import "./exercise_styles";
import { PellucidExercise } from "./element";

if (!customElements.get("pellucid-exercise")) customElements.define("pellucid-exercise", PellucidExercise);
