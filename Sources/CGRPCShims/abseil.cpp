#include "abseil.h"

#include <absl/synchronization/mutex.h>

void CGRPCShims_stopTrackingLocks(void) {
    absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
}
