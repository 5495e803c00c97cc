/// What belongs to a loop and is let go by its users on any thread: handles, open files. Its loop is told
/// when the last user is gone, and ends it.
class LoopOwned {
    /// The next in the stack of what was dropped, which alone uses it.
    final var nextDropped: UInt = 0

    /// Runs on the loop when nobody refers to the public face any more.
    func didLoseLastUser() {}
}
