import TestSupport
import Testing

/// The parent of every suite. Descriptors and threads are counted for the whole process, so no two
/// tests may run at once, nor those of other targets beside them.
@Suite(.serialized, .alone)
enum HeddleTests {}
