// What this target changes in abseil, the library below libgrpc.

#ifndef CGRPCSHIMS_ABSEIL_H
#define CGRPCSHIMS_ABSEIL_H

#ifdef __cplusplus
extern "C" {
#endif

// Debian builds abseil with its debugging on: each mutex then keeps a graph of the order in which locks are taken,
// which was 5 percent of what a Probe costs.
void CGRPCShims_stopTrackingLocks(void);

#ifdef __cplusplus
}
#endif

#endif
