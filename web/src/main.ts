import { VIEWS } from "./views/registry";

console.log(Object.keys(VIEWS));
