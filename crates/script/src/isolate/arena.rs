//! The memory of one engine, in one piece, so that all of it can be put back to how it was: a run that
//! begins gets an engine as it was after the SDK was evaluated, for the price of copying it. Beside
//! `code.rs` the only unsafe code of Baton.
//!
//! What an engine is lies in its memory alone, and what it knows of this process (functions of ours,
//! where modules are found) has been made before the memory was copied and is kept until the engine is
//! dropped: see [`super::engine`].

use std::alloc::{Layout, alloc, dealloc, realloc};
use std::cell::Cell;
use std::mem::MaybeUninit;
use std::ptr::{self, NonNull};
use std::rc::Rc;

use rquickjs::allocator::Allocator;

/// The piece. Untouched pages of it cost nothing; what does not fit into it is allocated elsewhere, and
/// then it is not put back.
const SIZE: usize = 1 << 20;

/// Before each block: its class, or its size when it lies elsewhere.
const HEADER: usize = 8;

/// Blocks that lie elsewhere are aligned by this, as malloc's are; their header is that long too.
const FAR: usize = 16;

/// Marks the header of a block that lies elsewhere.
const ELSEWHERE: usize = 1 << 63;

/// Classes of 8 bytes up to this: an engine consists of small blocks, of which few are multiples of 16,
const SMALL: usize = 512;

/// and then four per doubling up to this.
const LARGEST: usize = 1 << 16;

/// The classes of small blocks.
const FINE: usize = SMALL / 8;

const CLASSES: usize = FINE + 4 * 7;

/// The class of blocks that hold so many bytes, at most [`LARGEST`].
fn class_of(size: usize) -> usize {
    if size <= SMALL {
        return size.max(1).div_ceil(8) - 1;
    }
    // With 2^n < size <= 2^(n+1): which quarter between the two.
    let n = (size - 1).ilog2() as usize;
    let quarter = ((size - 1) >> (n - 2)) & 3;
    FINE + (n - 9) * 4 + quarter
}

/// How many bytes a block of a class holds.
fn size_of(class: usize) -> usize {
    let Some(large) = class.checked_sub(FINE) else {
        return (class + 1) * 8;
    };
    let (n, quarter) = (large / 4 + 9, large % 4);
    (1 << n) + (quarter + 1) * (1 << (n - 2))
}

/// See the module. A handle: the engine has one, whoever puts it back another.
#[derive(Clone)]
pub(super) struct Arena(Rc<Memory>);

struct Memory {
    piece: NonNull<u8>,
    /// So much of the piece has been given out.
    used: Cell<usize>,
    /// The first free block of each class.
    free: [Cell<*mut u8>; CLASSES],
    /// Blocks that lie elsewhere.
    elsewhere: Cell<usize>,
    /// How many bytes the blocks that are given out hold, and how many they may.
    held: Cell<usize>,
    most: Cell<usize>,
    /// Memory was asked for that was not there.
    refused: Cell<bool>,
}

/// What an arena held at one time.
pub(super) struct Image {
    /// Not all of them were ever written, and some are parts of pointers: they are copied as they are.
    bytes: Vec<MaybeUninit<u8>>,
    free: Vec<*mut u8>,
    held: usize,
}

#[expect(unsafe_code, reason = "see the module; each block says why it may")]
impl Memory {
    // Not by pages: the allocator would then keep a page of its own before the piece.
    const LAYOUT: Layout = match Layout::from_size_align(SIZE, 16) {
        Ok(layout) => layout,
        Err(_) => panic!("a power of two"),
    };

    fn new() -> Option<Self> {
        // SAFETY: the layout has a size.
        let piece = NonNull::new(unsafe { alloc(Self::LAYOUT) })?;
        Some(Self {
            piece,
            used: Cell::new(0),
            free: [const { Cell::new(ptr::null_mut()) }; CLASSES],
            elsewhere: Cell::new(0),
            held: Cell::new(0),
            most: Cell::new(usize::MAX),
            refused: Cell::new(false),
        })
    }

    /// A block of at least so many bytes; null when there is no memory, or it would hold more than it may.
    fn take(&self, size: usize) -> *mut u8 {
        let block = match self.may_hold(self.held.get(), size) {
            true => self.find(size),
            false => ptr::null_mut(),
        };
        if !block.is_null() {
            // SAFETY: just found.
            let holds = holds(unsafe { header(block) });
            self.held.set(self.held.get() + holds);
        }
        block
    }

    /// Whether it may hold so many bytes beside these.
    fn may_hold(&self, beside: usize, size: usize) -> bool {
        let may = beside.saturating_add(size) <= self.most.get();
        if !may {
            self.refused.set(true);
        }
        may
    }

    fn find(&self, size: usize) -> *mut u8 {
        if size <= LARGEST {
            let class = class_of(size);
            let free = self.free[class].get();
            if !free.is_null() {
                // SAFETY: a free block of this arena, in whose first bytes `give` has put the next one.
                self.free[class].set(unsafe { free.cast::<*mut u8>().read() });
                return free;
            }
            let used = self.used.get();
            let end = used + HEADER + size_of(class);
            if end <= SIZE {
                self.used.set(end);
                // SAFETY: from `used` to `end` is inside of the piece and was never given out; all sizes
                // are multiples of 8, so it is aligned for a usize.
                return unsafe {
                    let block = self.piece.as_ptr().add(used);
                    block.cast::<usize>().write(class);
                    block.add(HEADER)
                };
            }
        }
        let Some(layout) = far(size) else {
            self.refused.set(true);
            return ptr::null_mut();
        };
        // SAFETY: the layout has a size.
        let block = unsafe { alloc(layout) };
        match block.is_null() {
            true => self.refused.set(true),
            false => self.elsewhere.set(self.elsewhere.get() + 1),
        }
        // SAFETY: just allocated.
        unsafe { with_far_header(block, size) }
    }

    /// Takes a block back.
    ///
    /// # Safety
    /// It is one of this arena's that was not given back before.
    unsafe fn give(&self, block: *mut u8) {
        // SAFETY: a block has a header before it.
        let header = unsafe { header(block) };
        self.held.set(self.held.get() - holds(header));
        if header & ELSEWHERE == 0 {
            // SAFETY: a block has at least 8 bytes, and nobody uses them any more.
            unsafe { block.cast::<*mut u8>().write(self.free[header].get()) };
            self.free[header].set(block);
        } else if let Some(layout) = far(header ^ ELSEWHERE) {
            self.elsewhere.set(self.elsewhere.get() - 1);
            // SAFETY: `take` or `change` has allocated it with this layout.
            unsafe { dealloc(block.sub(FAR), layout) };
        }
    }

    /// Gives a block another size, wherever it then lies; null, and nothing is changed, when there is no
    /// memory.
    ///
    /// # Safety
    /// As of [`Self::give`].
    unsafe fn change(&self, block: *mut u8, size: usize) -> *mut u8 {
        // SAFETY: a block has a header before it.
        let header = unsafe { header(block) };
        let holds = holds(header);
        if header & ELSEWHERE != 0 {
            if size > LARGEST
                && let (Some(old), Some(new)) = (far(holds), far(size))
            {
                let others = self.held.get() - holds;
                if !self.may_hold(others, size) {
                    return ptr::null_mut();
                }
                // SAFETY: it was allocated with `old`, and the new size is none that overflows.
                let moved = unsafe { realloc(block.sub(FAR), old, new.size()) };
                match moved.is_null() {
                    true => self.refused.set(true),
                    false => self.held.set(others + size),
                }
                // SAFETY: just allocated.
                return unsafe { with_far_header(moved, size) };
            }
        } else if size <= holds && class_of(size) == header {
            return block;
        }
        let other = self.take(size);
        if !other.is_null() {
            // SAFETY: both hold so many bytes, and are two different blocks.
            unsafe {
                ptr::copy_nonoverlapping(block, other, holds.min(size));
                self.give(block);
            }
        }
        other
    }

    fn image(&self) -> Option<Image> {
        if self.elsewhere.get() > 0 {
            return None;
        }
        let used = self.used.get();
        let mut bytes = Vec::with_capacity(used);
        // SAFETY: so much of the piece is given out, and there is room for it.
        unsafe {
            ptr::copy_nonoverlapping(self.piece.as_ptr().cast(), bytes.as_mut_ptr(), used);
            bytes.set_len(used);
        }
        Some(Image {
            bytes,
            free: self.free.iter().map(Cell::get).collect(),
            held: self.held.get(),
        })
    }

    /// Whether it was put back: not when blocks lie elsewhere.
    ///
    /// # Safety
    /// Nobody uses what was given out since, nor knows of it, but for what lies in the arena itself.
    unsafe fn put_back(&self, image: &Image) -> bool {
        if self.elsewhere.get() > 0 {
            return false;
        }
        // SAFETY: the image is not longer than the piece it was made of, and lies apart from it.
        unsafe {
            let piece = self.piece.as_ptr().cast();
            ptr::copy_nonoverlapping(image.bytes.as_ptr(), piece, image.bytes.len());
        }
        self.used.set(image.bytes.len());
        self.held.set(image.held);
        self.refused.set(false);
        for (now, then) in self.free.iter().zip(&image.free) {
            now.set(*then);
        }
        true
    }
}

#[expect(unsafe_code, reason = "allocated in `new` with the same layout")]
impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: as the reason says; the engine, which has a handle, is gone.
        unsafe { dealloc(self.piece.as_ptr(), Self::LAYOUT) };
    }
}

/// How many bytes a block with this header holds.
fn holds(header: usize) -> usize {
    match header & ELSEWHERE {
        0 => size_of(header),
        _ => header ^ ELSEWHERE,
    }
}

/// How blocks that lie elsewhere are allocated.
fn far(size: usize) -> Option<Layout> {
    Layout::from_size_align(size.checked_add(FAR)?, FAR).ok()
}

/// # Safety
/// It is a block of an arena.
#[expect(unsafe_code, reason = "a block has a header before it")]
unsafe fn header(block: *mut u8) -> usize {
    // SAFETY: as the reason says.
    unsafe { block.sub(HEADER).cast::<usize>().read() }
}

/// The block in what was allocated for one that lies elsewhere; null stays null.
///
/// # Safety
/// It was allocated with `far(size)`.
#[expect(unsafe_code, reason = "there is room for the header")]
unsafe fn with_far_header(allocated: *mut u8, size: usize) -> *mut u8 {
    if allocated.is_null() {
        return allocated;
    }
    // SAFETY: as the reason says: FAR is twice HEADER.
    unsafe {
        let block = allocated.add(FAR);
        block.sub(HEADER).cast::<usize>().write(size | ELSEWHERE);
        block
    }
}

impl Arena {
    /// A new one; `None` when there is no memory.
    pub(super) fn new() -> Option<Self> {
        Memory::new().map(|memory| Self(Rc::new(memory)))
    }

    /// It may hold so many bytes from now on.
    pub(super) fn limit(&self, most: usize) {
        self.0.most.set(most);
    }

    /// Whether memory was asked for that was not there, or more than it may hold: since it was made, or put
    /// back.
    pub(super) fn has_refused(&self) -> bool {
        self.0.refused.get()
    }

    /// What it holds; `None` when some of that lies elsewhere.
    pub(super) fn image(&self) -> Option<Image> {
        self.0.image()
    }

    /// Puts back what it held, and says whether it did.
    ///
    /// # Safety
    /// The image is of this arena, and what was allocated in it since is known to nobody but the engine
    /// whose memory it is: no value of the engine is held that was not held then, and none that was held
    /// then has been let go of.
    #[expect(unsafe_code, reason = "what this needs is written above")]
    pub(super) unsafe fn put_back(&self, image: &Image) -> bool {
        // SAFETY: the caller's.
        unsafe { self.0.put_back(image) }
    }
}

#[expect(
    unsafe_code,
    reason = "blocks are aligned by 8, as long as they say, and the arena's own"
)]
// SAFETY: as the reason says; what the engine gives back or changes is what it was given.
unsafe impl Allocator for Arena {
    fn alloc(&mut self, size: usize) -> *mut u8 {
        self.0.take(size)
    }

    fn calloc(&mut self, count: usize, size: usize) -> *mut u8 {
        let Some(size) = count.checked_mul(size) else {
            return ptr::null_mut();
        };
        let block = self.0.take(size);
        if !block.is_null() {
            // SAFETY: it holds so many bytes.
            unsafe { block.write_bytes(0, size) };
        }
        block
    }

    unsafe fn dealloc(&mut self, block: *mut u8) {
        // SAFETY: the caller's.
        unsafe { self.0.give(block) }
    }

    unsafe fn realloc(&mut self, block: *mut u8, size: usize) -> *mut u8 {
        if block.is_null() {
            return self.0.take(size);
        }
        if size == 0 {
            // SAFETY: the caller's.
            unsafe { self.0.give(block) };
            return ptr::null_mut();
        }
        // SAFETY: the caller's.
        unsafe { self.0.change(block, size) }
    }

    unsafe fn usable_size(block: *mut u8) -> usize {
        // SAFETY: the caller's.
        holds(unsafe { header(block) })
    }
}

#[cfg(test)]
#[expect(unsafe_code, reason = "blocks are used as an engine uses them")]
mod tests {
    use super::*;

    #[test]
    fn a_class_holds_what_belongs_to_it_and_the_one_before_does_not() {
        for size in 1..=LARGEST {
            let class = class_of(size);
            assert!(class < CLASSES && size_of(class) >= size, "{size}");
            assert!(class == 0 || size_of(class - 1) < size, "{size}");
        }
    }

    /// Fills a block by its number and checks it.
    struct Block(*mut u8, usize, u8);

    impl Block {
        fn new(arena: &mut Arena, size: usize, n: u8) -> Self {
            let block = arena.alloc(size);
            assert!(!block.is_null() && block.addr().is_multiple_of(8));
            // SAFETY: it has so many bytes.
            unsafe { block.write_bytes(n, size) };
            Self(block, size, n)
        }

        fn check(&self) {
            // SAFETY: they were written.
            let bytes = unsafe { std::slice::from_raw_parts(self.0, self.1) };
            assert!(bytes.iter().all(|byte| *byte == self.2));
        }
    }

    #[test]
    fn blocks_do_not_overlap_and_are_put_back_with_what_they_held() {
        let mut arena = Arena::new().unwrap();
        let sizes = [1, 16, 17, 300, 512, 513, 4000, 4096, 5000, 20_000, 65_536];
        let kept: Vec<Block> = (0..40_u8)
            .map(|n| Block::new(&mut arena, sizes[usize::from(n) % sizes.len()] / 4 + 1, n))
            .collect();
        let image = arena.image().unwrap();
        for round in 0..3 {
            let mut live: Vec<Block> = Vec::new();
            for n in 0..200_usize {
                let size = sizes[(n * 7 + round) % sizes.len()];
                // The largest of these lie elsewhere.
                let size = if n % 50 == 0 { size * 40 } else { size / 3 + 1 };
                live.push(Block::new(&mut arena, size, n as u8));
                if n % 3 == 0 {
                    let gone = live.swap_remove((n * 5) % live.len());
                    gone.check();
                    // SAFETY: it is nobody's any more.
                    unsafe { arena.dealloc(gone.0) };
                }
                if n % 4 == 0
                    && let Some(changed) = live.last_mut()
                {
                    let size = changed.1 * 3 / 2 + 1;
                    // SAFETY: the block is known to nobody else.
                    changed.0 = unsafe { arena.realloc(changed.0, size) };
                    changed.check();
                    changed.1 = size;
                    // SAFETY: it has so many bytes.
                    unsafe { changed.0.write_bytes(changed.2, size) };
                }
            }
            live.push(Block::new(&mut arena, SIZE, 1));
            live.iter().chain(&kept).for_each(Block::check);
            // SAFETY: it is not put back while blocks lie elsewhere.
            assert!(!unsafe { arena.put_back(&image) });
            for block in live {
                // SAFETY: it is nobody's any more.
                unsafe { arena.dealloc(block.0) };
            }
            // SAFETY: nothing is known of what was allocated since the image.
            unsafe { kept[3].0.write_bytes(0xee, kept[3].1) };
            // SAFETY: as above.
            assert!(unsafe { arena.put_back(&image) });
            kept.iter().for_each(Block::check);
        }
    }
}
