internal import CLibuv

/// What comes with a message of a Unix-domain socket beside its bytes: file descriptors, which are whoever's that
/// has this, and the sender (SCM_RIGHTS and SCM_CREDENTIALS of unix(7)).
struct ControlData {
    /// Room for the sender's credentials, and none for descriptors.
    static let credentialBytes = Int(HEDDLE_CREDENTIAL_BYTES)
    /// Room for the credentials and as many descriptors as one message carries.
    static let mostBytes = Int(HEDDLE_CONTROL_BYTES)

    let descriptors: [Int32]
    let credentials: (process: Int32, user: UInt32, group: UInt32)?

    // Unsafe: the kernel filled the header in, and says how much of its room it used; that is never more than
    // there is.
    init(of header: inout msghdr) {
        var count: UInt32 = 0
        var found = heddle_credentials()
        var hasCredentials: Int32 = 0
        let most = unsafe Int(heddle_count_descriptors(&header))
        descriptors = unsafe [Int32](unsafeUninitializedCapacity: most) { room, taken in
            unsafe heddle_take_control(&header, room.baseAddress, &count, &found, &hasCredentials)
            taken = Int(count)
        }
        credentials = hasCredentials != 0 ? (found.process, found.user, found.group) : nil
    }
}
