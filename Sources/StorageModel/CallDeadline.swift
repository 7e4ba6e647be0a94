/// Until when the caller of the current call waits for its answer.
///
/// It belongs to the task that serves the call and to tasks that this one makes; a thread that only does work for it
/// has to be told.
package enum CallDeadline {
    /// nil outside of a call, and when the client waits for ever. CSIEndpoint sets it for calls that touch storage.
    @TaskLocal package static var current: ContinuousClock.Instant?
}
