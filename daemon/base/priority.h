/* How the processors are shared between the event loop and what works for it. */
#pragma once

/* The calling thread is in no hurry: it has the processors that the loop, and whoever asks it, leave. */
void priority_background(void);
