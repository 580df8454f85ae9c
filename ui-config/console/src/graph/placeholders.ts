/**
 * What a task came to, wherever it is named: {task.result}, or {task.failed}, the indexes of what failed of it. An even
 * number of braces before it are literal ones, and `${` is the shell's.
 */
export const OUTCOME = /(?<![{$])((?:\{\{)*)\{([^{}\s,:"']+)\.(result|failed)\}/g;
