/* SPDX-License-Identifier: MIT
 *
 * What the program does with signals; for main().
 */
#ifndef FRONTEND_SIGNALS_H
#define FRONTEND_SIGNALS_H

struct machine;

/* Before anything else: installs the handlers. */
void signals_handle(void);
/* From now on signals end this machine's run; also one that came before. NULL: there is none. */
void signals_serve(struct machine *machine);

#endif
