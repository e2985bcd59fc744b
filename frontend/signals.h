/* SPDX-License-Identifier: MIT
 *
 * How the program treats signals; for main().
 */
#ifndef FRONTEND_SIGNALS_H
#define FRONTEND_SIGNALS_H

struct machine;

/* Installs the handlers. Call it before anything else. */
void signals_handle(void);
/* From now on signals end this machine's run, including a signal that came before. NULL: there is no
 * machine. */
void signals_serve(struct machine *machine);

#endif
