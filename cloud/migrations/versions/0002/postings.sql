CREATE FUNCTION billing.check_transfer() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT sum(amount_cents) FROM billing.postings WHERE transfer_id = NEW.transfer_id) <> 0 THEN
        RAISE EXCEPTION 'the postings of transfer % do not sum to zero', NEW.transfer_id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER transfer_sums_to_zero AFTER INSERT ON billing.postings
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION billing.check_transfer();

CREATE FUNCTION billing.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'money is reversed, never edited' USING ERRCODE = 'check_violation';
END $$;

CREATE TRIGGER never_edited BEFORE UPDATE OR DELETE ON billing.postings
    FOR EACH ROW EXECUTE FUNCTION billing.refuse_change();
