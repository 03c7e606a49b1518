-- What a price may depend on and no other column tells, as it stood on the wire: the size of an image, the tier that was
-- only asked for. A JSON object; NULL in rows from before, which a reprice therefore leaves as they are.
-- This file is frozen: later changes are new files.

ALTER TABLE requests ADD COLUMN conditions TEXT;
